"""What keys do. Each controller owns one part of the work; the desk screen owns the widgets they show it on."""
