# An interpreter's name without a leading slash counts from the working directory.
root
program
mkdir opt
mv program opt/real
script program '#!opt/real'
