# A script needs the program that its first line names, and all that this one loads.
root
lib own/liba.so
program own/liba.so -Wl,-rpath,/own
mv program real
script program '#!/real'
