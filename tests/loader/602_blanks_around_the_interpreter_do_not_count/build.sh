# Blanks and tabs may stand before the interpreter's name and behind it.
root
program
mv program real
script program '#! \t/real \t'
