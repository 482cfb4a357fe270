# A library that ends before its dynamic section ends the start.
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/l"
truncate -s 1024 l/liba.so
