# A library whose e_phnum goes beyond its end ends the start.
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/l"
patch l/liba.so 56 '\376\377'
