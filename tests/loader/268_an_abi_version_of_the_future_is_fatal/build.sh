# A candidate whose EI_ABIVERSION the loader does not know ends the start.
lib l/liba.so
lib other/liba.so
program l/liba.so "-Wl,-rpath,$PWD/other:$PWD/l"
patch other/liba.so 8 '\011'
