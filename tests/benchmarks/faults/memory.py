"""Does memory level off?"""

import psutil

from faults import small, table


def architectures(times):
    """Fit networks of ever new widths, and look at the memory of the process."""
    X, y = table(300)
    process, seen = psutil.Process(), []
    for i in range(times):
        model = "mlp" if i % 2 else None
        members = {} if i % 2 else {"model__n_members": 2}
        small(model, epochs=2, model__hidden_layer_sizes=(8 + i,), **members).fit(X, y).predict(X)
        if i % max(times // 8, 1) == max(times // 8, 1) - 1:
            seen.append(process.memory_info().rss / 1e6)
    print(f"{times} architectures, MB after each eighth of them: {', '.join(f'{one:.0f}' for one in seen)}")
    return int(seen[-1] - seen[len(seen) // 2] > 0.1 * seen[-1])  # it grows no further in the second half
