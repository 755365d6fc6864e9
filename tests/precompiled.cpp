// Nothing: what is compiled with it are the headers (tests/CMakeLists.txt).
