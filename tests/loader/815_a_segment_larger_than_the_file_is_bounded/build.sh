# A dynamic section that ends with DT_NULL is read up to there, whatever size its segment has.
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/l"
patch l/liba.so "$(($(at l/liba.so '\x02\0\0\0[\x04\x06]\0\0\0.{48}') + 32))" '\000\000\000\000\000\000\000\077'
