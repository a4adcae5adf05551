package darkroom

var composeOperations = map[string]operation{}
