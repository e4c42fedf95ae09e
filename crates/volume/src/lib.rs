//! A volume's life: desired and observed to plan to applied, over two ports, with two engines. The only place with ioctls.
