# A candidate that is a device ends the start.
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/dev:$PWD/l"
mkdir dev
ln -s /dev/null dev/liba.so
