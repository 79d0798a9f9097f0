// A user's program: d(x²)/dx at 3.
#include <joist/joist.h>

#include <iostream>

int main() {
  const auto x = joist::Tensor::from({3}, {1}, true);
  joist::sum(x * x).backward();
  std::cout << "gradient " << x.gradient().item() << "\n";
}
