# A program whose PT_INTERP names a text is not started.
echo 'no loader, but a text that is longer than an ELF header, so that it is not too short' >text
chmod +x text
program "-Wl,-dynamic-linker,$PWD/text"
