# A library whose DT_STRTAB lies nowhere in the file ends the start.
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/l"
patch l/liba.so "$(($(at l/liba.so '\x05\0\0\0\0\0\0\0.{8}\x06\0\0\0\0\0\0\0') + 8))" '\000\000\000\000\000\000\000\077'
