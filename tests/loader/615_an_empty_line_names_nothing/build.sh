# A first line that names nothing starts nothing.
root
script program '#! \t'
