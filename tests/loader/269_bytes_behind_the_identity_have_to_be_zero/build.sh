# A candidate with a byte in e_ident's padding ends the start.
lib l/liba.so
lib other/liba.so
program l/liba.so "-Wl,-rpath,$PWD/other:$PWD/l"
patch other/liba.so 12 '\001'
