# A candidate that says it is of the other byte order (EI_DATA), but of this machine, ends the start.
lib l/liba.so
lib other/liba.so
program l/liba.so "-Wl,-rpath,$PWD/other:$PWD/l"
patch other/liba.so 5 '\002'
