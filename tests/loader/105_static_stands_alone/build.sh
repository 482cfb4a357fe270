# A static program needs nothing.
cc -static -o program "$MAIN"
