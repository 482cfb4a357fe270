# An empty file starts nothing.
: >program
chmod +x program
