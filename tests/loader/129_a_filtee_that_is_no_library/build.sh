# A text in an auxiliary filtee's place is passed over in silence.
mkdir l
lib l/liba.so -Wl,-f,libfiltee.so "-Wl,-rpath,$PWD/l"
program l/liba.so "-Wl,-rpath,$PWD/l"
echo 'no library, but a text that is longer than an ELF header, so that it is not too short' >l/libfiltee.so
told runs
