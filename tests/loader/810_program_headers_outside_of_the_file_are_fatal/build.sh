# A library whose e_phoff lies behind its end ends the start.
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/l"
patch l/liba.so 32 '\000\000\000\077'
