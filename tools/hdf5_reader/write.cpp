#include <joist/tools/hdf5_reader/commands.h>
#include <joist/tools/hdf5_reader/element_types.h>

#include <map>
#include <string>

namespace joist::helper {
namespace {

class Writer {
 public:
  Writer() : file_(make_file()) {}

  void add_attribute(const std::string& name, const std::string& value) {
    const Handle type(H5Tcopy(H5T_C_S1), "cannot make a type");
    checked(H5Tset_size(type, H5T_VARIABLE), "cannot make a type");  // what h5py gives back as str, and of any length
    checked(H5Tset_cset(type, H5T_CSET_UTF8), "cannot make a type");
    const Handle space(H5Screate(H5S_SCALAR), "cannot make a space");
    const Handle properties(H5Pcreate(H5P_ATTRIBUTE_CREATE), "cannot make properties");
    checked(H5Pset_char_encoding(properties, H5T_CSET_UTF8), "cannot set a property");
    const Handle attribute(H5Acreate2(file_, name.c_str(), type, space, properties, H5P_DEFAULT), name);
    const char* text = value.c_str();
    checked(H5Awrite(attribute, type, &text), name);
  }

  void add_array(const std::string& name, const Frame& frame) {
    const auto dtype = static_cast<Dtype>(frame.dtype);
    const Handle type = type_of(dtype);
    const auto rank = static_cast<int>(frame.rank);
    std::array<hsize_t, 8> lengths{};
    for (std::size_t axis = 0; axis < frame.rank; ++axis) lengths[axis] = static_cast<hsize_t>(frame.shape[axis]);
    const Handle space(rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, lengths.data(), nullptr), name);
    const Handle properties(H5Pcreate(H5P_DATASET_CREATE), "cannot make properties");
    checked(H5Pset_obj_track_times(properties, false), "cannot set a property");
    checked(H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER), "cannot set a property");
    const std::size_t slash = name.rfind('/');
    const hid_t group = slash == name.npos ? static_cast<hid_t>(file_) : group_at(name.substr(0, slash));
    const std::string leaf = slash == name.npos ? name : name.substr(slash + 1);
    const Handle link = link_properties();
    const Handle set(H5Dcreate2(group, leaf.c_str(), type, space, link, properties, H5P_DEFAULT), name);
    const Bytes values(frame.data_bytes);
    receive(values.span());
    if (values.size > 0) checked(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data.get()), name);
  }

  void send_image() {
    groups_.clear();
    checked(H5Fflush(file_, H5F_SCOPE_GLOBAL), "cannot finish the file");
    const ssize_t size = checked(H5Fget_file_image(file_, nullptr, 0), "cannot finish the file");
    const Bytes image(static_cast<std::size_t>(size));
    checked(H5Fget_file_image(file_, image.data.get(), image.size), "cannot finish the file");
    send(Frame{.kind = FrameKind::image}, {}, image.span());
  }

 private:
  // The oldest layout for the file's head: for newer ones H5Fget_file_image gives a wrong checksum (seen in 1.10.8).
  static Handle make_file() {
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), "cannot make properties");
    checked(H5Pset_fapl_core(access, std::size_t{4} << 20, false), "cannot set a property");
    checked(H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18), "cannot set a property");
    const Handle creation(H5Pcreate(H5P_FILE_CREATE), "cannot make properties");
    checked(H5Pset_userblock(creation, 512), "cannot set a property");
    keep_order(creation);
    return {H5Fcreate(nowhere, H5F_ACC_TRUNC, creation, access), "cannot make the file"};
  }

  static void keep_order(hid_t group_creation) {
    checked(H5Pset_link_creation_order(group_creation, H5P_CRT_ORDER_TRACKED), "cannot set a property");
    checked(H5Pset_obj_track_times(group_creation, false), "cannot set a property");
  }

  static Handle link_properties() {
    Handle properties(H5Pcreate(H5P_LINK_CREATE), "cannot make properties");
    checked(H5Pset_char_encoding(properties, H5T_CSET_UTF8), "cannot set a property");
    return properties;
  }

  // The group of that path, made with those above it when it is new.
  hid_t group_at(const std::string& path) {
    if (const auto found = groups_.find(path); found != groups_.end()) return found->second;
    const std::size_t slash = path.rfind('/');
    const hid_t parent = slash == path.npos ? static_cast<hid_t>(file_) : group_at(path.substr(0, slash));
    const std::string leaf = slash == path.npos ? path : path.substr(slash + 1);
    const Handle creation(H5Pcreate(H5P_GROUP_CREATE), "cannot make properties");
    keep_order(creation);
    const Handle link = link_properties();
    Handle group(H5Gcreate2(parent, leaf.c_str(), link, creation, H5P_DEFAULT), path);
    return groups_.emplace(path, std::move(group)).first->second;
  }

  Handle file_;
  std::map<std::string, Handle> groups_{};
};

}  // namespace

void write_archive() {
  Writer writer;
  for (;;) {
    const Frame frame = receive_frame();
    const std::string name = receive_text(frame.name_bytes);
    if (frame.kind == FrameKind::end) break;
    if (frame.kind == FrameKind::attribute) {
      writer.add_attribute(name, receive_text(frame.data_bytes));
    } else {
      writer.add_array(name, frame);
    }
  }
  writer.send_image();
}

}  // namespace joist::helper
