// The `joist` command as a function, so that a program with models of its own has all of it.
#pragma once

#include <joist/tools/training/model.h>

#include <vector>

namespace joist {

/// Runs the command given by the arguments; the models take part beside the built-in ones. Returns the process's exit
/// code: 0 done, 2 wrong usage, 3 bad data or file, 4 environment, 70 internal fault, 130 or 143 stopped by a signal
/// after saving. Errors are printed, never thrown. `joist lab` starts the program again with arguments of its own, for
/// runs in processes of their own: main() passes on what it got, as below.
///
///   int main(int argc, char** argv) { return joist::command_line(argc, argv, {joist::model<Detector>("mine")}); }
int command_line(int argc, char** argv, std::vector<ModelEntry> models = {});

}  // namespace joist
