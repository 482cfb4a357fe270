# A note of another owner or type says nothing of libraries.
lib l/libx.so
note type.o '[{"soname":["libx.so"]}]' 0x407c0c0b
note owner.o '[{"soname":["libx.so"]}]' 0x407c0c0a FOO
lib l/liba.so type.o owner.o "-Wl,-rpath,$PWD/l"
program l/liba.so "-Wl,-rpath,$PWD/l"
told runs
