# A library whose DT_NEEDED lies behind its strings ends the start.
lib l/libb.so
lib l/liba.so l/libb.so
program l/liba.so "-Wl,-rpath,$PWD/l"
patch l/liba.so "$(($(at l/liba.so '\x01\0\0\0\0\0\0\0.{8}\x0e\0\0\0\0\0\0\0') + 8))" '\000\000\000\000\000\000\000\077'
