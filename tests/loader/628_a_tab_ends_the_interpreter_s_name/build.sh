# A tab ends the interpreter's name as a blank does.
root
program
mv program real
script program '#!/real\targument'
