# A static PIE has a dynamic section and needs nothing.
cc -static-pie -o program "$MAIN"
