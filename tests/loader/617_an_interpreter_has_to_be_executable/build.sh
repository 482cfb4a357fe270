# A script whose interpreter is not executable is not started.
root
program
mv program real
chmod -x real
script program '#!/real'
