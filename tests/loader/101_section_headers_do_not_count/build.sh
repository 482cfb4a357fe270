# Section headers may be absent or point anywhere: program headers alone are read.
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/l"
for file in program l/liba.so; do
    patch $file 40 '\377\377\377\377\377\377\377\177'
    patch $file 58 '\001\000\377\377\377\377'
done
