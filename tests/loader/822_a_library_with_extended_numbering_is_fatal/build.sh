# A library whose e_phnum is 0xffff (PN_XNUM) ends the start: the loader does not look for the real count.
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/l"
patch l/liba.so 56 '\377\377'
