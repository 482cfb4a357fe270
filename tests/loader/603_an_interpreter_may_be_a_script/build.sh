# The interpreter may be a script itself.
root
program
mv program real
script two '#!/real'
script program '#!/two'
