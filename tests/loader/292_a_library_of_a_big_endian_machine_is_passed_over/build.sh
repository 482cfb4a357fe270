# A library of a machine of the other byte order is passed over.
lib l/liba.so
lib other/liba.so
program l/liba.so "-Wl,-rpath,$PWD/other:$PWD/l"
patch other/liba.so 5 '\002'
patch other/liba.so 16 '\000\003\000\026\000\000\000\001'
