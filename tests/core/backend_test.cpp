// Every backend that is loaded, in float32, against the double-precision reference: results and all gradients, with
// outputs that held NaN before, and with everything added to what was there. Each family states its tolerance.
#include <joist/core/kernels.h>
#include <joist/tests/support/reference_backend.h>
#include <joist/tests/support/run_case.h>
#include <joist/tests/support/strict_kernels.h>

#include <map>

namespace joist {
namespace {

std::vector<Device> backends() {
  std::vector<Device> found;
  for (const Device device : {cpu, Device{Device::Kind::cuda}}) try {
      static_cast<void>(kernels(device));
      found.push_back(device);
    } catch (const EnvironmentError&) {  // not loaded
    }
  return found;
}

class Backend : public testing::TestWithParam<Listed> {};
INSTANTIATE_TEST_SUITE_P(Case, Backend, testing::ValuesIn(all_cases()), name_of_case);

TEST_P(Backend, AgreesWithReference) {
  const auto& [family, one] = GetParam();
  const Result wanted = run_case(*one, use_reference());
  for (const Device device : backends()) {
    SCOPED_TRACE(device.text());
    {
      SCOPED_TRACE("outputs held NaN");
      expect_near(run_case(*one, device, {.start = StrictKernels::Start::nan}), wanted, family->tolerance);
    }
    {
      SCOPED_TRACE("added to numbers, gradients elsewhere, two passes");
      const RunOptions options{.passes = 2, .spread_gradients = true, .start = StrictKernels::Start::number};
      expect_near(run_case(*one, device, options), wanted, family->tolerance, 1, 2);
    }
  }
}

class BackendKernels : public testing::TestWithParam<const cases::KernelCase*> {};
INSTANTIATE_TEST_SUITE_P(Case, BackendKernels, testing::ValuesIn(all_kernel_cases()), name_of_kernel_case);

TEST_P(BackendKernels, AgreeWithReference) {
  const cases::KernelCase& one = *GetParam();
  const auto wanted = run_kernel_case(one, use_reference());
  for (const Device device : backends()) {
    SCOPED_TRACE(device.text());
    const auto overwritten = run_kernel_case(one, device, StrictKernels::Start::nan);
    const auto added = run_kernel_case(one, device, StrictKernels::Start::number);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_TRUE(near(overwritten[i], wanted[i], one.tolerance)) << "array " << i;
      EXPECT_TRUE(near(added[i], wanted[i], std::max(one.tolerance, 2e-7), 1)) << "array " << i << ", added to numbers";
    }
  }
}

TEST(Cases, ReachEveryKernel) {
  for (const auto& [family, one] : all_cases())
    if (!one->large) run_case(*one, use_reference(), {.start = StrictKernels::Start::nan});
  for (const cases::KernelCase& one : cases::kernel_cases())
    run_kernel_case(one, use_reference(), StrictKernels::Start::nan);
  for (const std::string& name : StrictKernels::all()) {
    const bool wrapped = name != "logic";  // that takes bool arrays only, whose table is not wrapped
    EXPECT_TRUE(!wrapped || StrictKernels::called().contains(name)) << "no case reaches " << name;
  }
}

// That a case's name is unique makes its random numbers its own.
TEST(Cases, NamesAreUnique) {
  std::map<std::string, int> count;
  for (const auto& [family, one] : all_cases()) ++count[family->name + "/" + one->name];
  for (const auto& [name, times] : count) EXPECT_EQ(times, 1) << name;
}

TEST(Near, SeesWrongResults) {
  const Values wanted{{2, 2}, {1, -100, 0, 3}};
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(near({{2, 2}, {1 + 9e-5, -100, 0, 3}}, wanted, 1e-6));
  EXPECT_FALSE(near({{2, 2}, {1 + 2e-4, -100, 0, 3}}, wanted, 1e-6));
  EXPECT_FALSE(near({{2, 2}, {nan, -100, 0, 3}}, wanted, 1e-6));
  EXPECT_FALSE(near({{4}, {1, -100, 0, 3}}, wanted, 1e-6));
  EXPECT_TRUE(near({{2}, {nan, infinity}}, {{2}, {nan, infinity}}, 1e-6));
  EXPECT_FALSE(near({{1}, {-infinity}}, {{1}, {infinity}}, 1e-6));
  EXPECT_FALSE(near({{1}, {1}}, {{1}, {nan}}, 1e-6));
}

// Which of the two checks notice a wrong kernel of multiplication?
std::pair<bool, bool> noticed(Kernel<void(const Binary&, const Array&, const Array&, const Out&)>::Function wrong) {
  static Kernels table;  // outlives the tape
  const Kernels& right = kernels(use_reference());
  const cases::Case product{"product", {cases::uniform({9}), cases::uniform({9})}, [](auto x) { return x[0] * x[1]; }};
  const Result wanted = run_case(product, use_reference());
  table = right;
  table.elementwise.binary = wrong;
  register_kernels(Device::Kind::reference, table);
  const auto fails = [&](StrictKernels::Start start) {
    return !near(run_case(product, use_reference(), {.start = start}).outputs[0], wanted.outputs[0], 1e-6);
  };
  const std::pair result{fails(StrictKernels::Start::nan), fails(StrictKernels::Start::number)};
  register_kernels(Device::Kind::reference, right);
  return result;
}
double product_at(const Array& a, const Array& b, std::int64_t i) { return a.data<double>()[i] * b.data<double>()[i]; }

TEST(StrictKernelsTest, NoticesOutputsThatAreReadOrNotAddedTo) {
  const std::pair both_pass{false, false}, nan_fails{true, false}, number_fails{false, true};
  EXPECT_EQ(both_pass, noticed([](const Binary&, const Array& a, const Array& b, const Out& y) {
              for (std::int64_t i = 0; i < 9; ++i)
                y.array.data<double>()[i] = product_at(a, b, i) + (y.accumulate ? y.array.data<double>()[i] : 0);
            }));
  EXPECT_EQ(nan_fails, noticed([](const Binary&, const Array& a, const Array& b, const Out& y) {
              for (std::int64_t i = 0; i < 9; ++i) y.array.data<double>()[i] += product_at(a, b, i);
            }));
  EXPECT_EQ(number_fails, noticed([](const Binary&, const Array& a, const Array& b, const Out& y) {
              for (std::int64_t i = 0; i < 9; ++i) y.array.data<double>()[i] = product_at(a, b, i);
            }));
}

}  // namespace
}  // namespace joist
