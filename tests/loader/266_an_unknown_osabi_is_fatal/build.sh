# A candidate whose EI_OSABI is neither System V's nor GNU's ends the start.
lib l/liba.so
lib other/liba.so
program l/liba.so "-Wl,-rpath,$PWD/other:$PWD/l"
patch other/liba.so 7 '\011'
