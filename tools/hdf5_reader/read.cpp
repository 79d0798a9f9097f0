#include <joist/tools/hdf5_reader/commands.h>
#include <joist/tools/hdf5_reader/element_types.h>
#include <joist/tools/hdf5_reader/sandbox.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

namespace joist::helper {
namespace {

// --- the file's bytes as HDF5's memory, without the copies that it makes by default ---

void* image_memory(std::size_t size, H5FD_file_image_op_t, void* image) noexcept {
  const auto* bytes = static_cast<const Bytes*>(image);
  return size == bytes->size ? bytes->data.get() : nullptr;
}
void* image_copy(void* to, const void*, std::size_t, H5FD_file_image_op_t, void*) noexcept { return to; }
void* image_resize(void*, std::size_t, H5FD_file_image_op_t, void*) noexcept { return nullptr; }
herr_t image_free(void*, H5FD_file_image_op_t, void*) noexcept { return 0; }
void* context_copy(void* image) noexcept { return image; }
herr_t context_free(void*) noexcept { return 0; }

Handle open_image(Bytes& image) {
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), "cannot make properties");
  checked(H5Pset_fapl_core(access, std::size_t{1} << 20, false), "cannot set a property");
  H5FD_file_image_callbacks_t callbacks{image_memory, image_copy,   image_resize, image_free,
                                        context_copy, context_free, &image};
  checked(H5Pset_file_image_callbacks(access, &callbacks), "cannot set a property");
  checked(H5Pset_file_image(access, image.data.get(), image.size), "cannot set a property");
  return {H5Fopen(nowhere, H5F_ACC_RDONLY, access), "not a sound HDF5 file"};
}

// --- HDF5 calls back with names; exceptions must not pass through it ---

struct Link {
  std::string name;
  H5L_type_t type;
};

herr_t collect_link(hid_t, const char* name, const H5L_info_t* info, void* links) noexcept try {
  static_cast<std::vector<Link>*>(links)->push_back({name, info->type});
  return 0;
} catch (...) {
  return -1;
}

herr_t collect_attribute(hid_t, const char* name, const H5A_info_t*, void* names) noexcept try {
  static_cast<std::vector<std::string>*>(names)->push_back(name);
  return 0;
} catch (...) {
  return -1;
}

std::vector<Link> links_of(hid_t group, const std::string& name) {
  const Handle properties(H5Gget_create_plist(group), name);
  unsigned order = 0;
  checked(H5Pget_link_creation_order(properties, &order), name);
  const H5_index_t index = (order & H5P_CRT_ORDER_TRACKED) != 0 ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
  std::vector<Link> links;
  checked(H5Literate(group, index, H5_ITER_INC, nullptr, collect_link, &links), name);
  return links;
}

std::string dimensions(hid_t space) {
  std::array<hsize_t, H5S_MAX_RANK> lengths{};
  const int rank = H5Sget_simple_extent_dims(space, lengths.data(), nullptr);
  std::string text = "[";
  for (int axis = 0; axis < rank; ++axis)
    text += (axis ? ", " : "") + std::to_string(lengths[static_cast<std::size_t>(axis)]);
  return text + "]";
}

class Reader {
 public:
  Reader(hid_t file, std::uint64_t most_bytes) : file_(file), left_(most_bytes) {}

  /// Texts and lists of texts; what else the root has is listed as skipped. Those of the object at `path` are called
  /// "path@name".
  void send_attributes(hid_t object, const std::string& path) {
    std::vector<std::string> names;
    hsize_t start = 0;
    checked(H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &start, collect_attribute, &names), "attributes");
    for (const std::string& name : names) send_attribute(object, path, name);
  }

  void send_group(hid_t group, const std::string& path, int depth) {
    if (depth > deepest) throw Failure("groups lie more than " + std::to_string(deepest) + " deep");
    H5O_info_t info{};
    checked(H5Oget_info(group, &info), path);
    if (!groups_.insert(info.addr).second) return skip(path, "another name of a group");
    send_attributes(group, path);
    for (const auto& [name, type] : links_of(group, path.empty() ? "/" : path)) {
      const std::string full = path.empty() ? name : path + "/" + name;
      if (type == H5L_TYPE_SOFT) {
        skip(full, "symbolic link");
      } else if (type != H5L_TYPE_HARD) {
        skip(full, "link to another file");
      } else {
        send_object(Handle(H5Oopen(group, name.c_str(), H5P_DEFAULT), full), full, depth);
      }
    }
  }

 private:
  static constexpr int deepest = 32;
  static constexpr int highest_rank = 8;

  void skip(const std::string& name, const std::string& why) const { send(FrameKind::skipped, name, why); }

  void send_object(hid_t object, const std::string& name, int depth) {
    switch (H5Iget_type(object)) {
      case H5I_GROUP: return send_group(object, name, depth + 1);
      case H5I_DATASET: return send_dataset(object, name);
      default: return skip(name, "neither group nor data set");
    }
  }

  // Why a data set has no place in an Archive; empty when it has.
  static std::string obstacle(hid_t set, hid_t type, hid_t space, const std::string& name) {
    const Handle creation(H5Dget_create_plist(set), name);
    if (H5Pget_layout(creation) == H5D_VIRTUAL || H5Pget_external_count(creation) != 0) return "values in another file";
    if (!dtype_of(type)) return describe(type) + ", shape " + dimensions(space);
    const H5S_class_t kind = H5Sget_simple_extent_type(space);
    if (kind != H5S_SCALAR && kind != H5S_SIMPLE) return "no values";
    if (H5Sget_simple_extent_ndims(space) > highest_rank) return "more than 8 axes, shape " + dimensions(space);
    return {};
  }

  void send_dataset(hid_t set, const std::string& name) {
    const Handle type(H5Dget_type(set), name);
    const Handle space(H5Dget_space(set), name);
    if (const std::string why = obstacle(set, type, space, name); !why.empty()) return skip(name, why);
    const Dtype dtype = *dtype_of(type);
    Frame frame{.kind = FrameKind::array, .dtype = static_cast<std::uint32_t>(dtype)};
    std::array<hsize_t, highest_rank> lengths{};
    frame.rank = static_cast<std::uint32_t>(checked(H5Sget_simple_extent_dims(space, lengths.data(), nullptr), name));
    std::uint64_t bytes = bytes_of(dtype);
    bool fits = true;
    for (std::size_t axis = 0; axis < frame.rank; ++axis) {
      fits = fits && lengths[axis] <= INT64_MAX && !__builtin_mul_overflow(bytes, lengths[axis], &bytes);
      frame.shape[axis] = static_cast<std::int64_t>(lengths[axis]);
    }
    if (!fits || bytes > left_)
      throw Failure("\"" + name + "\" of shape " + dimensions(space) +
                    " claims to hold far more than a file of its size can");
    left_ -= bytes;
    const Bytes values(bytes);
    if (bytes > 0) checked(H5Dread(set, type_of(dtype), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data.get()), name);
    send(frame, name, values.span());
    send_attributes(set, name);
  }

  void send_attribute(hid_t object, const std::string& path, const std::string& name) {
    const Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), name);
    const Handle type(H5Aget_type(attribute), name);
    const Handle space(H5Aget_space(attribute), name);
    const int rank = H5Sget_simple_extent_ndims(space);
    const bool text = H5Tget_class(type) == H5T_STRING && (H5Sget_simple_extent_type(space) == H5S_SCALAR || rank == 1);
    if (!text) {
      if (path.empty()) skip(name, "attribute that is neither text nor a list of texts");
      return;
    }
    const std::string full = path.empty() ? name : path + "@" + name;
    const auto count = static_cast<std::size_t>(checked(H5Sget_simple_extent_npoints(space), name));
    if (count > left_ / 8) throw Failure("attribute \"" + name + "\" claims to be far longer than the file");
    const bool varying = checked(H5Tis_variable_str(type), name) > 0;
    send(FrameKind::attribute, full,
         varying ? varying_texts(attribute, type, space, count, name) : fixed_texts(attribute, type, count, name));
  }

  // Several texts are joined by line ends.
  std::string varying_texts(hid_t attribute, hid_t type, hid_t space, std::size_t count,
                            const std::string& name) const {
    std::vector<char*> texts(count);
    if (count > 0) checked(H5Aread(attribute, type, texts.data()), name);
    std::string joined;
    for (std::size_t i = 0; i < count; ++i) (joined += i > 0 ? "\n" : "") += texts[i] ? texts[i] : "";
    if (count > 0) H5Dvlen_reclaim(type, space, H5P_DEFAULT, texts.data());
    return joined;
  }
  std::string fixed_texts(hid_t attribute, hid_t type, std::size_t count, const std::string& name) const {
    const std::size_t size = H5Tget_size(type);
    if (size != 0 && count > left_ / size)
      throw Failure("attribute \"" + name + "\" claims to be far longer than the file");
    std::string texts(size * count, '\0');
    if (!texts.empty()) checked(H5Aread(attribute, type, texts.data()), name);
    std::string joined;
    for (std::size_t i = 0; i < count; ++i) {
      std::string text = texts.substr(i * size, size);
      if (H5Tget_strpad(type) == H5T_STR_SPACEPAD) {
        text.erase(text.find_last_not_of(' ') + 1);
      } else {
        text.erase(std::min(text.find('\0'), text.size()));
      }
      (joined += i > 0 ? "\n" : "") += text;
    }
    return joined;
  }

  hid_t file_;
  std::uint64_t left_;
  std::set<haddr_t> groups_{};
};

}  // namespace

void read_archive(const Frame& request) {
  constexpr std::uint64_t program_bytes = std::uint64_t{256} << 20;  // libraries, stacks, HDF5's caches
  Bytes image(request.data_bytes);
  receive(image.span());
  enter_sandbox(program_bytes + request.data_bytes + 2 * request.most_bytes, request.cpu_seconds);
  const Handle file = open_image(image);
  Reader reader(file, request.most_bytes);
  const Handle root(H5Gopen2(file, "/", H5P_DEFAULT), "no root group");
  reader.send_group(root, {}, 0);
  send(FrameKind::end);
}

}  // namespace joist::helper
