# A candidate whose e_phentsize is not the ABI's ends the start.
lib l/liba.so
lib other/liba.so
program l/liba.so "-Wl,-rpath,$PWD/other:$PWD/l"
patch other/liba.so 54 '\070\001'
