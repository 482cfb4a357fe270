# A filtee that is there, and whose own needed library is not, ends the start, auxiliary or not.
lib l/libd.so
lib l/libfiltee.so l/libd.so
lib l/liba.so -Wl,-f,libfiltee.so "-Wl,-rpath,$PWD/l"
program l/liba.so "-Wl,-rpath,$PWD/l"
rm l/libd.so
told runs
