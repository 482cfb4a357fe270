# Breadth first, the first object that asks for a name decides which file serves all.
lib one/libx.so
lib two/libx.so
lib liba.so one/libx.so "-Wl,-rpath,$PWD/one"
lib libb.so two/libx.so "-Wl,-rpath,$PWD/two"
program libb.so liba.so "-Wl,-rpath,$PWD"
