// joist-hdf5-reader: reads and writes HDF5 files for libjoist, in a process of its own.
//
// Reading: HDF5's library has memory errors that a file can be made to use, so it parses without any rights.
// Writing: linking HDF5 (with curl, Kerberos, LDAP and TLS behind it, 30 libraries in Debian) makes every start of a
// program 3.5 ms longer (measured: 0.5 ms without, 4.0 ms with). A helper costs that only where a checkpoint is stored,
// and keeps HDF5's global state, its lock and its exit handlers out of the users' programs.
#include <joist/tools/hdf5_reader/commands.h>
#include <joist/tools/hdf5_reader/handles.h>

#include <cstring>
#include <new>

#include <unistd.h>

int main(int count, char** arguments) {
  using namespace joist;
  using namespace joist::helper;
  if (count > 1 || ::isatty(STDIN_FILENO) != 0) {
    constexpr const char* text =
        "joist-hdf5-reader is started by joist to read and write HDF5 files; it has no use by itself.\n";
    const bool asked =
        count == 2 && (std::strcmp(arguments[1], "--help") == 0 || std::strcmp(arguments[1], "--version") == 0);
    return ::write(asked ? STDOUT_FILENO : STDERR_FILENO, text, std::strlen(text)) > 0 && asked ? 0 : 2;
  }
  ::close_range(3, ~0U, 0);  // what the starting program forgot to close
  try {
    checked(H5open(), "HDF5 does not start");
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    H5PLset_loading_state(0);  // no filters from elsewhere
    const Frame request = receive_frame();
    if (request.kind == FrameKind::read) {
      read_archive(request);
    } else if (request.kind == FrameKind::write) {
      write_archive();
    } else {
      throw Failure("neither asked to read nor to write");
    }
  } catch (const std::bad_alloc&) {
    send(FrameKind::failure, {}, "it needs more memory than it may have");
  } catch (const std::exception& error) {
    send(FrameKind::failure, {}, error.what());
  }
  ::_exit(0);  // the system cleans up faster than HDF5, and without parsing anything again
}
