# A candidate whose EI_VERSION is not 1 ends the start.
lib l/liba.so
lib other/liba.so
program l/liba.so "-Wl,-rpath,$PWD/other:$PWD/l"
patch other/liba.so 6 '\002'
