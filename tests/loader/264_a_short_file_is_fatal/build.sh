# A candidate shorter than an ELF header ends the start.
lib l/liba.so
lib short/liba.so
program l/liba.so "-Wl,-rpath,$PWD/short:$PWD/l"
truncate -s 60 short/liba.so
