# A relative PT_INTERP counts from the working directory.
cp /lib64/ld-linux-x86-64.so.2 my-loader
INTERP=my-loader
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/l"
