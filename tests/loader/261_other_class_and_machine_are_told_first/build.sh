# A file of another class (EI_CLASS) or machine is passed over whatever else is wrong with it.
lib l/liba.so
cp -r l class
cp -r l machine
patch class/liba.so 4 '\001'
patch machine/liba.so 16 '\001\000\267'
program l/liba.so "-Wl,-rpath,$PWD/class:$PWD/machine:$PWD/l"
