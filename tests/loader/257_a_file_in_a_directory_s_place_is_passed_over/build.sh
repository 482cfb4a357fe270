# An item of a path list that is a file, or absent, or a dangling link, is passed over.
lib own/libm.so.6
program own/libm.so.6 "-Wl,-rpath,$PWD/file:$PWD/none:$PWD/dangling:$PWD/own"
: >file
mkdir dangling
ln -s gone dangling/libm.so.6
