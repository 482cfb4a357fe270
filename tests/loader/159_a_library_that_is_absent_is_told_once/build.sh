# A name that several objects need is told once where nothing serves it, and as missing for each program.
lib l/libq.so
lib l/liba.so l/libq.so
lib l/libb.so l/libq.so
program l/liba.so l/libb.so "-Wl,-rpath,$PWD/l"
mv program program1
program l/libb.so "-Wl,-rpath,$PWD/l"
mv program program2
rm l/libq.so
