# A program has to exist.
: >other
