#include <joist/tools/command_line.h>

int main(int argc, char** argv) { return joist::command_line(argc, argv); }
