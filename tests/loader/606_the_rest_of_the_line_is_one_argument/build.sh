# What follows the interpreter's name is one argument, and no program of its own.
root
program
mv program real
script program '#!/real -x /bin/none  # '
