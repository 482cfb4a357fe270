# A DT_NEEDED of the empty name is the program itself, and asks for nothing.
lib l/liba.so
lib l/libe.so
program l/libe.so l/liba.so "-Wl,-rpath,$PWD/l"
renamed program libe.so ''
