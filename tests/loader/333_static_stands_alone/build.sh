# musl: a static program, PIE or not, needs nothing.
musl "$PWD/m"
musl-gcc -static -o program "$MAIN"
